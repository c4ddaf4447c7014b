"""Key vocabularies: the oracle of `VocabularyIds` in a `SparsePlan`."""
