"""Networks: parameters as named views of one buffer, their initial values, and stacks of layers."""
