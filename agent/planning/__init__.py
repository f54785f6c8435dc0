"""World models, and planners that think ahead with them."""
