import { h } from './dom.js';

const NAMES = ['auto', 'light', 'dark'] as const;
const KEY = 'crit-report-theme';

function stored(): string {
  try {
    return localStorage.getItem(KEY) ?? 'auto';
  } catch {
    return 'auto';
  }
}

/** Chooses light or dark, or what the system says. */
export function themeChooser(): HTMLElement {
  const apply = (name: string) => {
    document.documentElement.dataset['theme'] = name;
    try {
      localStorage.setItem(KEY, name);
    } catch {
      // a page of file:// need not have a store
    }
  };
  const before = stored();
  const chosen = NAMES.find((name) => name === before) ?? 'auto';
  document.documentElement.dataset['theme'] = chosen;
  const select = h(
    'select',
    { 'aria-label': 'Colours', class: 'no-print', change: () => apply(select.value) },
    NAMES.map((name) => h('option', { value: name, selected: name === chosen }, name)),
  );
  return select;
}
