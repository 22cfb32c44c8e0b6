"""What the measurements must look like."""

import great_expectations.expectations as gxe


def expectations():
    return [
        gxe.ExpectColumnValuesToBeInSet(column="label", value_set=[0, 1]),
        gxe.ExpectColumnValuesToBeBetween(column="mean_radius", min_value=1, max_value=50),
        gxe.ExpectTableRowCountToEqual(value=569, description="all 569 samples are there"),
    ]
