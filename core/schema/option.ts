/** An option of mkinitrd. Parser, help, manual page and the keys of the configuration all come from the tables in options/. */
export interface Option {
  long: string;
  short?: string;
  /** What it takes, as help shows it; left out: nothing. */
  value?: string;
  /** One line for help. */
  text: string;
  /** Whole sentences, for --help OPTION and the manual page. */
  more?: string;
  /** Shown with its text by -h. */
  common?: true;
  /** dracut.conf(5)'s name for it. */
  key?: string;
  /** What it sets the key to, where it takes no value. */
  sets?: string;
  /** Its value is a list of words separated by blanks; repeated, it adds to the list, and to the configuration's. */
  list?: true;
  /** Repeated, its values are joined by this, and to the configuration's. */
  joins?: string;
  /** As a list on the command line it stands for the configuration's. */
  replaces?: true;
  /** The only values. */
  choices?: readonly string[];
  /** Its value, or each word of it, is a path of the host: absolute in a configuration, of the current directory on the command line. */
  path?: true;
  /** It, and its key, cannot work: what is missing for it. */
  refused?: string;
  /** It says what is in the image, and is recorded there for --rebuild. */
  recorded?: true;
}
