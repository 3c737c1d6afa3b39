// What a debugger starts: the command without its bundle.
import { main } from './main.js';

main(process.argv.slice(2));
