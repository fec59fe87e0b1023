"""What all pages share: their style sheet, the script of their tables, and how their templates are read."""
