import type { ImageDir } from '../encode/image-dir.js';
import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import { pathBuffer } from '../image/path-bytes.js';
import { NAMESPACE_FLAGS } from '../kernel/proc/namespaces.js';
import type { Part } from './part.js';

/** linux/utsname.h, __NEW_UTS_LEN */
const NAME_MAX = 64;

/** The UTS namespace that a tree has for itself: the root makes it, and sets its names. @param id in the images, or 0 */
export function utsNamespace(images: ImageDir, id: number): Part {
  if (id === 0) return { name: 'UTS namespace', at: {} };
  const file = imageFileName('UTSNS', id);
  const entry = images.first('UTSNS', id);
  if (!entry)
    throw new CritError(`${file} is missing: the names of the dumped UTS namespace are not known`, {
      code: 'MISSING_IMAGE',
    });
  const [host, domain] = [pathBuffer(entry.nodename), pathBuffer(entry.domainname)];
  if (host.length > NAME_MAX || domain.length > NAME_MAX)
    throw new CritError(`${file}: a name has more than ${NAME_MAX} bytes`, { code: 'BAD_IMAGE' });
  return {
    name: 'UTS namespace',
    at: {
      root: ({ b }) => {
        b.call('unshare', NAMESPACE_FLAGS.uts);
        b.call('sethostname', host, host.length);
        b.call('setdomainname', domain, domain.length);
      },
    },
    planLines: () => [`UTS namespace: a new one, host name ${JSON.stringify(entry.nodename)}`],
  };
}
