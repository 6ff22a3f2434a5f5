"""Networks under study, one file each."""
