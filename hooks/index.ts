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
  ProbeResult,
  ProgramInput,
  ProgramOutput,
  ProgramRequest,
  ProgramResult,
  SecretId,
  SwitchWord,
} from "../core/abi/index.js";
export * from "./boot.js";
export * from "./errors.js";
export * from "./module-setup.js";
