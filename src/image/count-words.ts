/** "1 process", "2 processes": for logs. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** What a tree is, in numbers. */
export function treeWords(
  tasks: readonly { readonly zombie: boolean; readonly threads: readonly unknown[] }[],
): string {
  const threads = tasks.reduce((sum, task) => sum + task.threads.length, 0);
  const zombies = tasks.filter((task) => task.zombie).length;
  const tree = `${counted(tasks.length, 'process', 'processes')} with ${counted(threads, 'thread')}`;
  return zombies > 0 ? `${tree}, ${counted(zombies, 'zombie')} among them` : tree;
}
