namespace Livebed.Kvm.UserSpace;

/// <summary>Where the process of a VM is in its life. Each moment has one state, and <see cref="ProcessStates"/> says which may
/// follow.</summary>
public enum ProcessState : byte
{
    /// <summary>Process, VM and vCPUs are being made; a VM that comes from another host is here until it runs.</summary>
    Preparing,

    /// <summary>The guest runs, and commands are taken.</summary>
    Running,

    /// <summary>The same, and a migration takes the VM to another host.</summary>
    Migrating,

    /// <summary>A destroy has come. Nothing new begins; a migration that is under way comes to its end first.</summary>
    Ending,

    /// <summary>vCPUs, VM and process are being taken down.</summary>
    Dropping,

    /// <summary>Nothing is left.</summary>
    Closed,
}

/// <summary>Which state of a process may follow which; a state without a row is a defect, and a test finds it.</summary>
public static class ProcessStates
{
    private static readonly Dictionary<ProcessState, ProcessState[]> Rows = new()
    {
        [ProcessState.Preparing] = [ProcessState.Running, ProcessState.Ending, ProcessState.Dropping],
        [ProcessState.Running] = [ProcessState.Migrating, ProcessState.Ending, ProcessState.Dropping],
        [ProcessState.Migrating] = [ProcessState.Running, ProcessState.Ending, ProcessState.Dropping],
        [ProcessState.Ending] = [ProcessState.Dropping],
        [ProcessState.Dropping] = [ProcessState.Closed],
        [ProcessState.Closed] = [],
    };

    /// <summary>Whether <paramref name="next"/> may follow <paramref name="state"/>.</summary>
    public static bool IsAllowed(ProcessState state, ProcessState next) => Rows[state].Contains(next);

    /// <summary>Whether user space takes commands: memslot updates, dirty-log steps, audits.</summary>
    public static bool TakesCommands(ProcessState state) => state is ProcessState.Running or ProcessState.Migrating;

    /// <summary>Whether the process is being taken down, or is gone.</summary>
    public static bool IsGoing(ProcessState state) => state is ProcessState.Dropping or ProcessState.Closed;
}

/// <summary>In which order a VM and its process go: the paths of kvm-protocol section 7.</summary>
public enum TeardownOrder : byte
{
    /// <summary>Path A, by another process: the last reference to the VM is dropped, then the process exits. KVM deletes no private
    /// memslots.</summary>
    VmFirst,

    /// <summary>Path A, by the VM's own process.</summary>
    VmFirstShared,

    /// <summary>Path B: the process exits, then the last reference is dropped.</summary>
    AddressSpaceFirst,

    /// <summary>A and B race.</summary>
    AtOnce,
}
