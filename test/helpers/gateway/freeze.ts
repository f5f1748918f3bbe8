/** Freezes a state so that a step that writes to what it was given throws. */
export function deepFreeze<T>(value: T): T {
  // Addresses keep a cache of their text in a private field, and views of buffers cannot be frozen.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  if (value instanceof Map || value instanceof Set) {
    for (const method of ['set', 'add', 'delete', 'clear']) {
      Object.defineProperty(value, method, {
        value: () => {
          throw new Error(`a collection of a state was written to: ${method}`);
        },
      });
    }
    for (const entry of value instanceof Map ? value.entries() : value.values()) deepFreeze(entry);
  }
  Object.freeze(value);
  for (const entry of Object.values(value)) deepFreeze(entry);
  return value;
}
