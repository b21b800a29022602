"""Where clips come from, how their values were made, and how a source is taken out of a dataset again."""
