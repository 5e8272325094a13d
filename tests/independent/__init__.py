"""Mock services written from the providers' documents alone, as a second opinion for the conformance suite."""
