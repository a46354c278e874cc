export type {
  ByteString,
  DeviceNumber,
  DeviceTags,
  DirectoryEntry,
  DriverFile,
  DriverResult,
  FileStatus,
  FileType,
  JobName,
  JobOps,
  Milliseconds,
  MountFlag,
  PipeId,
  PowerAction,
  ProbeResult,
  ProgramInput,
  ProgramOutput,
  ProgramRequest,
  ProgramResult,
  RebootWord,
  RunWord,
  SecretId,
  SwitchWord,
} from "../core/abi/index.js";
export * from "./boot.js";
export * from "./errors.js";
export * from "./module-setup.js";
export * from "./system.js";
