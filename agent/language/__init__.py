"""Words: pretrained transformers whose weights stay as they are, and encoders that learn their words from scratch."""
