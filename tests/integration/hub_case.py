"""What tests of the real daemon and the real command line begin with. Needs CAPSTAN_BIN."""

import re
import unittest

import hub_folder


class HubTest(unittest.TestCase):
    def setUp(self):
        self.folder = hub_folder.HubFolder(hub_folder.bin_dir())
        self.addCleanup(self.folder.close)

    def started(self, *names):
        self.folder.start()
        self.folder.add(*names)
        return self.folder

    def configure(self, **options):
        path = self.folder.path / "capstan.toml"
        text = path.read_text()
        for name, value in options.items():
            text, found = re.subn(f"(?m)^{name} = .*$", f"{name} = {value}", text)
            self.assertEqual(found, 1, f"capstan.toml has no {name}")
        path.write_text(text)

    def listen(self, name, *more, **options):
        return self.folder.run("listen", "--as", name, *more, **options)
