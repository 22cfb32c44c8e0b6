"""What we know of the digits: grey images of one size, ten classes, in every split."""

import great_expectations.expectations as gxe
from great_expectations.expectations.row_conditions import Column


def expectations():
    digits = list(range(10))
    return [
        gxe.ExpectColumnValuesToBeBetween(column="minimum", min_value=0, max_value=1),
        gxe.ExpectColumnValuesToBeBetween(column="maximum", min_value=0, max_value=1),
        gxe.ExpectColumnValuesToBeBetween(
            column="std", min_value=0.05, description="no image is blank"
        ),
        gxe.ExpectColumnValuesToBeInSet(column="shape", value_set=["1x8x8"]),
        gxe.ExpectColumnValuesToBeInSet(column="label", value_set=digits),
        gxe.ExpectColumnValuesToBeBetween(
            column="rows_of_label",
            min_value=20,
            description="each digit has at least 20 examples in each split that it occurs in",
        ),
        *(
            gxe.ExpectColumnDistinctValuesToEqualSet(
                column="label", value_set=digits, row_condition=Column("split") == split
            )
            for split in ("train", "validation", "test")
        ),
        gxe.ExpectTableRowCountToEqual(value=1797, description="all 1,797 digits are there"),
    ]
