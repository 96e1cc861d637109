"""Lines of text to Arrow columns: blocks of whole lines, fixed width, delimited."""
