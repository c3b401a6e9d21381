"""Several people at one desk: claims of notes and adjudication of differing opinions."""
