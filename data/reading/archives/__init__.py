"""Archives: files in a .gz or a .zip, unpacked as they are read and never written."""
