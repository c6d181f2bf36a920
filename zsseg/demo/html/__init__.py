"""HTML for the page: the templates and the parts that several views share."""
