"""What a chess player knows."""
