"""What the pages show, worked out from the domain's values: pure, with time as an argument."""
