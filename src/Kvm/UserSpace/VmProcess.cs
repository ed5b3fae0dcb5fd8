using Livebed.Kvm.Checks;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.UserSpace;

/// <summary>
/// The process around a VM, QEMU's part: it makes the VM and its vCPUs, takes commands, moves the VM to another host or brings it from one,
/// and takes it down. The same code runs in every world. Commands hold the VM open: a teardown refuses new ones and waits for those that
/// run. <see cref="ProcessStates"/> has the states; here is what each step does.
/// </summary>
public sealed partial class VmProcess
{
    private const int FullAttempts = 250;
    private const long FullPauseMicroseconds = 100_000;

    private readonly IWorld _world;
    private readonly ProcessSpec _spec;
    private readonly ProcessPorts _ports;
    private readonly RunningCount _commands;
    private readonly RunningCount _memslotUpdates;
    private readonly RunningCount _logSteps;
    private readonly RunningCount _migrations;
    private readonly RunningCount _teardowns;
    private Tracked<ProcessState> _state;
    private Tracked<bool> _hasLeft;
    private Tracked<bool> _isDestroyed;
    private Tracked<bool> _isPrelaunch;
    private Tracked<Vm?> _vm;

    public VmProcess(IWorld world, ProcessSpec spec, ProcessPorts ports)
    {
        (_world, _spec, _ports) = (world, spec, ports);
        _commands = new RunningCount(world);
        _memslotUpdates = new RunningCount(world);
        _logSteps = new RunningCount(world);
        _migrations = new RunningCount(world);
        _teardowns = new RunningCount(world);
        (_state, _hasLeft) = (new Tracked<ProcessState>(world), new Tracked<bool>(world));
        (_isDestroyed, _vm, _outgoing) = (new Tracked<bool>(world), new Tracked<Vm?>(world), new Tracked<OutgoingSide?>(world));
        _isPrelaunch = new Tracked<bool>(world, spec.Options.StartsStopped && ports.Source is null);
        if (ports.Source is { } source) Incoming = new IncomingSide(world, this, spec, ports, source);
    }

    public ProcessState State => _state.Value;

    /// <summary>Null until it is made; of a VM that comes from another host that is when the source has stopped.</summary>
    public Vm? Vm => _vm.Value;

    /// <summary>Dirty logging without a migration.</summary>
    [Untracked("made with the VM, which is a cell")]
    public DirtyLogSession? Session { get; private set; }

    /// <summary>What writes guest memory in user space.</summary>
    [Untracked("made with the VM, which is a cell")]
    public Devices? Devices { get; private set; }

    /// <summary>It is being taken down, or is gone.</summary>
    public bool IsGoing => ProcessStates.IsGoing(State);

    /// <summary>Ids of what its migrations do.</summary>
    [Untracked("only tells operations apart")]
    public OperationIds MigrationIds => field ??= new(OperationId.OriginOf(_spec.Options.Ordinal, OperationId.OfMigration));

    /// <summary>A VM that begins: process, VM, memslots and vCPUs, which run. A host that is full is asked again for a while.</summary>
    /// <exception cref="InvalidOperationException">Its host is not there, or stays full.</exception>
    public async ValueTask CreateAsync(Operation op)
    {
        var made = await _ports.Process.TryCreateAsync(op);
        for (var attempt = 0; made == StreamStatus.NoMemory && attempt < FullAttempts; attempt++)
        {
            await _world.DelayAsync(FullPauseMicroseconds);
            made = await _ports.Process.TryCreateAsync(op);
        }

        if (made != StreamStatus.Ok)
            throw new InvalidOperationException(
                $"the host {_ports.Ownership.Host} of {_spec.Options.Name} {(made == StreamStatus.NoMemory ? "is full" : "is not there")}");
        var vm = await CreateVmAsync(op);
        for (var slot = 0; slot < _spec.RamSlots; slot++)
        {
            var (first, pages) = VmLayout.RamSlot(slot, _spec.RamPages, _spec.RamSlots);
            await vm.MemslotUpdates.SetAsync(
                op, new MemslotChange(slot, VmLayout.RamGfn + first, pages, VmLayout.RamHva + first, MemslotFlags.None));
        }

        await RunAsync(op, states: null);
    }

    /// <summary>The guests of a VM that started stopped begin: the first <c>cont</c> of QEMU's monitor. A repeat is harmless.</summary>
    /// <returns>false when there is nothing to begin</returns>
    public async ValueTask<bool> ContAsync(Operation op)
    {
        if (!_isPrelaunch.Value || !ProcessStates.TakesCommands(State)) return false;
        _isPrelaunch.Value = false;
        foreach (var vcpu in Vm!.Vcpus) await vcpu.ResumeAsync(op);
        return true;
    }

    /// <summary>An ioctl on the VM. One that is running holds the VM open.</summary>
    /// <param name="refused">the answer of a VM that is not there yet, is going, or has moved</param>
    /// <param name="command">what it does</param>
    public async ValueTask<T> CommandAsync<T>(T refused, Func<Vm, ValueTask<T>> command)
    {
        if (!ProcessStates.TakesCommands(State) || Vm is not { IsHandedOver: false } vm) return refused;
        return await _commands.RunAsync(() => command(vm));
    }

    /// <summary>KVM_SET_USER_MEMORY_REGION, inside a command. While a migration goes on it is the migration's, which keeps books about
    /// memslots; of one that has not begun it waits for the beginning.</summary>
    public async ValueTask<MemslotResult> SetMemslotAsync(Operation op, MemslotChange change)
    {
        while (Migrating is { } migrating)
        {
            if (migrating.Source is { } source) return await source.SetMemslotAsync(op, change);
            await migrating.BegunAsync(op);
        }

        // The migration that it waited for may be over, and the VM gone with it.
        var vm = Vm!;
        return vm.IsHandedOver ? MemslotResult.Dead : await _memslotUpdates.RunAsync(() => vm.MemslotUpdates.SetAsync(op, change));
    }

    /// <summary>One step of the dirty-log session, inside a command. A migration is the only user of the log while it goes on.</summary>
    /// <returns>pages copied or compared; -1 when there was nothing to do</returns>
    public async ValueTask<long> RunDirtyLogAsync(Operation op, DirtyLogStep step) =>
        IsMigrating ? -1 : await _logSteps.RunAsync(() => RunLogStepAsync(op, step));

    private async ValueTask<long> RunLogStepAsync(Operation op, DirtyLogStep step)
    {
        switch (step)
        {
            case DirtyLogStep.Enable:
                return await Session!.EnableAsync(op, [.. Enumerable.Range(0, _spec.RamSlots)]) ? _spec.RamPages : -1;
            case DirtyLogStep.Round:
                return await Session!.RoundAsync(op);
            case DirtyLogStep.Verify:
                return await Session!.VerifyAsync(op);
            default:
                await Session!.DisableAsync(op);
                return 0;
        }
    }

    /// <summary>KVM_EXIT_DIRTY_RING_FULL of a vCPU. An entry is booked where the log is used when it is harvested, not when the vCPU left:
    /// a migration may have begun in between.</summary>
    public async ValueTask ReapDirtyRingsAsync(Operation op)
    {
        Migrating?.Source?.RingFull();
        await Vm!.DirtyRings.ReapAsync(op, MarkHarvested);
    }

    /// <summary>S-checks of a VM that no operation uses any more: with the vCPUs kept out of the guest too, no range can be open.</summary>
    public async ValueTask SettleAsync(Operation op)
    {
        if (Vm is not { } vm) return;
        await vm.VcpuMutex.DownWriteAsync(op);
        foreach (var vcpu in vm.Vcpus) await vcpu.PauseAsync(op);
        vm.Checks.Ranges.Settled();
        vm.Checks.Contract.Settled();
        foreach (var vcpu in vm.Vcpus) await vcpu.ResumeAsync(op);
        vm.VcpuMutex.UpWrite(op);
    }

    /// <summary>The VM dies. A migration away is cancelled and comes to its end; one that brings the VM here is given up if the VM does not
    /// run yet. Then all of it goes.</summary>
    /// <returns>false when it went without this destroy: it had moved or was dropped, or another destroy was first</returns>
    public async ValueTask<bool> DestroyAsync(Operation op, TeardownOrder order)
    {
        if (_isDestroyed.Value || IsGoing) return await HasGoneAsync(op);
        _isDestroyed.Value = true;
        Enter(ProcessState.Ending);
        Cancel();
        await _migrations.DrainAsync(op);
        if (IsGoing) return await HasGoneAsync(op);
        if (Incoming is { } incoming) await incoming.GiveUpAsync(op);
        if (IsGoing)
        {
            await _teardowns.DrainAsync(op);
            return true;
        }

        await TearDownAsync(op, order);
        await LeaveInventoryAsync(op);
        return true;
    }

    /// <summary>Commands and vCPUs come to their end and none begins. VM and address space stay, for <see cref="TakeDownAsync"/>.</summary>
    public async ValueTask QuiesceAsync(Operation op)
    {
        Enter(ProcessState.Dropping);

        // First, since a command may wait for a page that never comes: a device's write, or KVM's own for a vCPU.
        var endsLate = _spec.Options.Mutant == Mutant.PagesEndAfterCommands;
        if (!endsLate) await EndIncomingAsync(op);
        if (_spec.Options.Mutant != Mutant.NoCommandDrain) await _commands.DrainAsync(op);
        if (endsLate) await EndIncomingAsync(op);
        await _ports.Vcpus.StopAsync(op);
    }

    /// <summary>VM and address space go, in the given order; the second half of every teardown, after <see cref="QuiesceAsync"/>.</summary>
    public async ValueTask TakeDownAsync(Operation op, TeardownOrder order)
    {
        switch (order)
        {
            case TeardownOrder.AddressSpaceFirst:
                await ExitAsync();
                await DestroyVmAsync(op, sharesAddressSpace: false);
                break;
            case TeardownOrder.AtOnce:
                await ExitBesideAsync(op, () => DestroyVmAsync(op, sharesAddressSpace: false));
                break;
            default:
                await DestroyVmAsync(op, order == TeardownOrder.VmFirstShared);
                if (_spec.Options.Mutant != Mutant.SourceKeepsMemory || Vm is not { IsHandedOver: true }) await ExitAsync();
                break;
        }

        await _ports.Vcpus.CloseAsync(op);
        Enter(ProcessState.Closed);
    }

    /// <summary>KVM_CREATE_VM: a VM with the slots that KVM makes itself.</summary>
    internal async ValueTask<Vm> CreateVmAsync(Operation op)
    {
        var vm = new Vm(_world, _spec.Options, _ports.Host, _spec.CustomProtocol);
        (_vm.Value, Devices) = (vm, new Devices(_world, vm));
        Session = new DirtyLogSession(vm, Devices);
        await vm.Host.RegisterNotifierAsync(op, vm.Notifier);
        if (_spec.HasPrivateSlots) await vm.Teardown.CreatePrivateSlotsAsync(op);
        return vm;
    }

    /// <summary>The vCPUs run.</summary>
    internal async ValueTask RunAsync(Operation op, IReadOnlyList<VcpuState>? states)
    {
        // A destroy that came meanwhile waits for this, and takes down what runs.
        if (State == ProcessState.Preparing) Enter(ProcessState.Running);
        await _ports.Vcpus.StartAsync(op, Vm!, states);
    }

    /// <summary>A VM that was to come here never will, or has come and is lost. Nothing to do where a destroy is at it.</summary>
    internal async ValueTask DropAsync(Operation op)
    {
        if (!IsGoing) await TearDownAsync(op, TeardownOrder.VmFirst);
    }

    /// <summary>Tells the world that the process has closed without a command, when what closed it has ended.</summary>
    internal async ValueTask LeaveAsync()
    {
        if (State != ProcessState.Closed || _hasLeft.Value || _isDestroyed.Value) return;
        _hasLeft.Value = true;
        await _ports.Process.ClosedUnaskedAsync();
    }

    private ValueTask EndIncomingAsync(Operation op) => Incoming?.EndAsync(op) ?? ValueTask.CompletedTask;

    private async ValueTask<bool> HasGoneAsync(Operation op)
    {
        await _teardowns.DrainAsync(op);
        return false;
    }

    private async ValueTask TearDownAsync(Operation op, TeardownOrder order)
    {
        _teardowns.Begin();
        try
        {
            await QuiesceAsync(op);
            await TakeDownAsync(op, order);
        }
        finally
        {
            _teardowns.End();
        }
    }

    /// <summary>The address space exits in a thread of its own while <paramref name="work"/> goes on.</summary>
    private async ValueTask ExitBesideAsync(Operation op, Func<ValueTask> work)
    {
        var exits = new RunningCount(_world);
        var exit = _ports.Process.NewOperation(OperationKind.AddressSpaceExit);
        exits.Begin();
        _world.Start($"{exit}", async () =>
        {
            await _ports.Process.ExitAsync(exit);
            exits.End();
        });
        await work();
        await exits.DrainAsync(op);
    }

    private void MarkHarvested(int slotId, long page)
    {
        if (Migrating?.Source is { } source) source.MarkHarvested(slotId, page);
        else Session!.MarkHarvested(slotId, page);
    }

    private async ValueTask DestroyVmAsync(Operation op, bool sharesAddressSpace)
    {
        if (Vm is not null) await Vm.Teardown.DestroyAsync(op, sharesAddressSpace);
    }

    private ValueTask ExitAsync() => _ports.Process.ExitAsync(_ports.Process.NewOperation(OperationKind.AddressSpaceExit));

    private void Enter(ProcessState next)
    {
        var state = _state.Value;
        if (!ProcessStates.IsAllowed(state, next))
            throw new InvalidOperationException($"the process of {_spec.Options.Name} cannot go from {state} to {next}");
        _state.Value = next;
    }
}

/// <summary>Steps of a dirty-log session.</summary>
public enum DirtyLogStep
{
    Enable,
    Round,
    Verify,
    Disable,
}
