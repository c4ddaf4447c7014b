"""Key vocabularies: the oracle of `VocabularyCounter` and `SparsePlan`."""
