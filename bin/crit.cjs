#!/usr/bin/env node
'use strict';
// The command where there is no /bin/sh to start bin/crit with (Windows). This is what npm links; elsewhere the install
// script puts bin/crit in its place.
require('./crit');
