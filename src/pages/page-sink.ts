/** Where the pages of a dump go. Their pagemaps name them by number. */
export interface PageSink {
  /** The number of the next pages image. */
  nextPagesId(): number;
  /** Makes a pages image, which is written at offsets. @throws CritError CANNOT_WRITE */
  create(type: 'PAGES', pagesId: number): { fd: number; file: string };
}
