/**
 * A catalogue with the keys of the English one. `{name}` in a text stands for a value, and `{count:session|sessions}` for a
 * number with the word in the form that the language has for one, or for other numbers.
 */
export type Catalogue<Texts> = Readonly<Record<keyof Texts, string>>
