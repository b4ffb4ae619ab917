"""What needs neither Django nor a control database: the declared environments, their files, a look at their targets."""
