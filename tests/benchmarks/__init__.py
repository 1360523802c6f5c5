"""Whether measurements can be believed."""
