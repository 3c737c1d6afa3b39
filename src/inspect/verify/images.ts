import { imageFileName, typeOfFileName } from '../../image/catalogue.js';
import { cutOff } from '../../image/cut-off.js';
import { ImageError } from '../../image/errors.js';
import { versionFault } from '../../image/image-version.js';
import { PARENT } from '../../image/parent-link.js';
import { DUMP_AGAIN, type Rule } from './finding.js';
import { rawDamage } from './raw-damage.js';

const INVENTORY = imageFileName('INVENTORY');

/** The images as such. The first rules of the table, and the last to be followed: all others read images. */
export const imageRules: readonly Rule[] = [
  {
    code: 'V_IMAGE_MISSING',
    severity: 'error',
    checks: 'every image that another one calls for is there',
    todo: 'bring it from where the set was dumped; without it, dump again',
    walk: (set, report) => {
      for (const [image, why] of set.missing) report({ image }, `is not there, but ${why}`);
    },
  },
  {
    code: 'V_IMAGE_DAMAGED',
    severity: 'error',
    checks: 'every image can be decoded to its end, with all fields that must be there',
    todo: 'take another copy of it; `crit show --recover` shows what is sound in it',
    walk: (set, report) => {
      set.readRest();
      for (const { image, error } of set.damages.values())
        if (error instanceof ImageError) {
          const offset = error.offsetBytes === undefined ? '' : `at byte ${error.offsetBytes}: `;
          report({ image, entry: error.entry, field: error.fieldPath }, `${offset}${error.reason}`);
        } else report({ image }, error.message);
    },
  },
  {
    code: 'V_IMAGE_RAW',
    severity: 'error',
    checks: 'netlink dumps and archives in the set are whole',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      for (const { file, type } of set.files) {
        const why = rawDamage(set.images.store, file, type);
        if (why !== undefined) report({ image: file }, why);
      }
    },
  },
  {
    code: 'V_INVENTORY_IMAGES',
    severity: 'error',
    checks: 'the images that the inventory names are there, and as long as they were (sets of crit)',
    todo: 'the set is torn: copy it again, or dump again (--sync before a power cut)',
    walk: (set, report) => {
      for (const [i, { name, size }] of (set.inventory?.images ?? []).entries()) {
        if (name === PARENT) continue; // the link to the set before it
        const field = `images[${i}]`;
        const type = typeOfFileName(name)?.type;
        const found = set.sizes.get(name);
        if (type === undefined)
          report({ image: INVENTORY, entry: 0, field }, `${JSON.stringify(name)} is no name of an image`);
        else if (found === undefined) {
          if (!set.missing.has(name)) report({ image: name }, `is missing: ${INVENTORY} names it`);
        } else {
          const cut = type === 'PAGES' ? undefined : cutOff(found, size);
          if (cut !== undefined) report({ image: name }, cut);
        }
      }
    },
  },
  {
    code: 'V_INVENTORY_VERSION',
    severity: 'error',
    checks: 'the version of the images is one that can be read',
    todo: 'use a tool that knows the version',
    walk: ({ inventory }, report) => {
      const fault = inventory && versionFault(inventory.img_version);
      if (fault !== undefined) report({ image: INVENTORY, entry: 0, field: 'img_version' }, fault);
    },
  },
];
