"""Other engines that do the least of what a chat needs. They have dependencies of their own, installed when they are measured."""
