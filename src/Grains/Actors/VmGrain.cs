using Livebed.Grains.Contracts;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Host;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;
using Orleans.Concurrency;

namespace Livebed.Grains.Actors;

/// <summary>
/// Adapter of a <see cref="Vm"/> and of the user space around it (its dirty-log session, its process). Reentrant: what excludes operations
/// from each other are the model's locks, never the grain's turn. Commands are remembered by operation id, so a repeat is harmless.
/// </summary>
[Reentrant]
[LivebedPlacement]
[KeepAlive]
internal sealed class VmGrain(SiloTelemetry telemetry, ClusterWorldOptions options) : Grain, IVmGrain
{
    private const int CommandsRemembered = 1024;
    private const int StartAttempts = 20;

    private readonly RememberedResults<object?> _commands = new(CommandsRemembered);
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<IVcpuGrain> _vcpus = [];
    private ActorJournal? _journal;
    private VmMessage? _message;
    private Vm? _vm;
    private DirtyLogSession? _session;
    private OperationIds? _ids;
    private IHostMmuGrain? _host;
    private int _commandsRunning;
    private bool _isClosing;
    private Vacancy? _vacancy;

    private Vacancy Vacancy => _vacancy ??= new Vacancy(this);

    public async ValueTask<bool> CreateAsync(OperationMessage op, VmMessage vm)
    {
        if (!Vacancy.TryFill()) return false;
        _message = vm;
        await _commands.GetOrStart(new OperationId(op.OperationId), async () =>
        {
            _journal = new ActorJournal(telemetry, this.GetPrimaryKeyString(), options);
            var operation = op.ToOperation();
            await _journal.RunAsync(operation, async () =>
            {
                await BringUpAsync(operation, vm);
                return true;
            }, _ => ("ok", null));
            return null;
        });
        return true;
    }

    public ValueTask<MemslotResult> SetMemslotAsync(OperationMessage op, MemslotChange change) => CommandAsync(
        op, MemslotResult.Dead, (vm, operation) => vm.MemslotUpdates.SetAsync(operation, change),
        result => (result == MemslotResult.Ok ? "ok" : "fail", $"slot {change.Id} pages {change.Pages} at {change.BaseGfn}: {result}"));

    public ValueTask<long> DirtyLogAsync(OperationMessage op, DirtyLogStep step) => CommandAsync(
        op, -1L, (_, operation) => RunDirtyLogAsync(operation, step), pages => (pages >= 0 ? "ok" : "fail", $"{step}: {pages} pages"));

    public ValueTask<bool> SoftwareWriteAsync(OperationMessage op, long gfn) => CommandAsync(
        op, false, (vm, operation) => vm.SoftwareWriter.WriteAsync(operation, 0, new Gfn(gfn), SoftwareToken(vm, operation)),
        done => (done ? "ok" : "fail", $"gfn 0x{gfn:x}"));

    public ValueTask<int> AuditAsync(OperationMessage op) => CommandAsync(
        op, 0, (vm, operation) => vm.Auditor.AuditAsync(operation), sptes => ("ok", $"{sptes} SPTEs"));

    public async ValueTask<IReadOnlyList<ActorReport>> DestroyAsync(OperationMessage op, DestroyMessage how)
    {
        if (_vm is null || _journal is null) return Vacant<IReadOnlyList<ActorReport>>([]);
        return (IReadOnlyList<ActorReport>)(await _commands.GetOrStart(new OperationId(op.OperationId), async () =>
        {
            var operation = op.ToOperation();
            var vcpus = await _journal.RunAsync(
                operation, () => TearDownAsync(_vm, operation, how), _ => ("ok", $"{how.Order}, shares mm: {how.SharesAddressSpace}"));
            // Only now: the last report has the end of this very operation in its history.
            DeactivateOnIdle();
            return (ActorReport[])[Report(), .. vcpus];
        }))!;
    }

    public async ValueTask<IReadOnlyList<ActorReport>> InspectAsync(bool settled)
    {
        if (_vm is null || _journal is null) return Vacant<IReadOnlyList<ActorReport>>([]);
        if (settled) await SettleAsync(_vm);
        var vcpus = await Task.WhenAll(_vcpus.Select(vcpu => vcpu.InspectAsync().AsTask()));
        return [Report(), .. vcpus];
    }

    public async ValueTask<FaultMessage> FaultAsync(OperationMessage op, int vcpu, long gfn, bool write) => _vm is null
        ? Vacant(new FaultMessage(Kvm.Paging.FaultStatus.Dead, default, null, Dirtied: false))
        : FaultMessage.From(await _vm.Faults.HandleAsync(op.ToOperation(), vcpu, new Gfn(gfn), write));

    public ValueTask ReapDirtyRingsAsync(OperationMessage op) =>
        _session is null ? Vacant(ValueTask.CompletedTask) : _session.ReapAsync(op.ToOperation());

    public async ValueTask<HeldMessage> InvalidateRangeStartAsync(OperationMessage op, RangeMessage range)
    {
        var operation = op.ToOperation();
        var notifier = Notified().Notifier;
        using var scope = _journal!.Observer.Enter(operation);
        return HeldMessage.From(operation, await notifier.InvalidateRangeStartAsync(operation, range.ToRange()));
    }

    public async ValueTask<HeldMessage> InvalidateRangeEndAsync(OperationMessage op, RangeMessage range)
    {
        var operation = op.ToOperation();
        var notifier = Notified().Notifier;
        using var scope = _journal!.Observer.Enter(operation);
        await notifier.InvalidateRangeEndAsync(operation, range.ToRange());
        return HeldMessage.From(operation, done: true);
    }

    public ValueTask ChangePteAsync(OperationMessage op, long hva, int pfn) => Notified().Notifier.ChangePteAsync(op.ToOperation(), new Hva(hva), new Pfn(pfn));

    public ValueTask<bool> ClearYoungAsync(OperationMessage op, long hva, long pages, bool flush) =>
        Notified().Notifier.ClearYoungAsync(op.ToOperation(), new HvaRange(new Hva(hva), pages), flush);

    public ValueTask<bool> TestYoungAsync(OperationMessage op, long hva, long pages) =>
        Notified().Notifier.TestYoungAsync(op.ToOperation(), new HvaRange(new Hva(hva), pages));

    public ValueTask ReleaseAsync(OperationMessage op) => Notified().Notifier.ReleaseAsync(op.ToOperation());

    /// <summary>No operation of the driver runs; with the vCPUs kept out of the guest too, no range can be open.</summary>
    private async ValueTask SettleAsync(Vm vm)
    {
        var op = new Operation(_ids!.Next(), OperationKind.Audit);
        await vm.VcpuMutex.DownWriteAsync(op);
        foreach (var vcpu in vm.Vcpus) await vcpu.PauseAsync(op);
        vm.Checks.Settled();
        foreach (var vcpu in vm.Vcpus) await vcpu.ResumeAsync(op);
        vm.VcpuMutex.UpWrite(op);
    }

    private async ValueTask BringUpAsync(Operation op, VmMessage message)
    {
        _ids = new OperationIds((message.Options.Ordinal << 8) | 0xff);
        _host = GrainFactory.GetGrain<IHostMmuGrain>(message.HostKey);
        await _host.CreateAddressSpaceAsync(OperationMessage.From(op), AddressSpaceOf(message), message.RefusesNonBlockable);
        var vm = new Vm(_journal!.World, message.Options, new HostGrainPort(_host, message.AddressSpaceId, this.GetPrimaryKeyString()));
        _session = new DirtyLogSession(vm);
        _vm = vm;
        await vm.Host.RegisterNotifierAsync(op, vm.Notifier);
        await vm.Teardown.CreatePrivateSlotsAsync(op);
        foreach (var (slotId, first, pages) in VmLayout.RamSlots(message.RamPages, message.Memslots))
            await vm.MemslotUpdates.SetAsync(op, new MemslotChange(slotId, VmLayout.RamGfn + first, pages, VmLayout.RamHva + first, MemslotFlags.None));
        for (var index = 0; index < message.Vcpus; index++)
        {
            var vcpu = GrainFactory.GetGrain<IVcpuGrain>(ActorKeys.Vcpu(this.GetPrimaryKeyString(), index));
            _vcpus.Add(vcpu);
            vm.Vcpus.Add(new VcpuGrainPort(vcpu));
        }

        await Task.WhenAll(_vcpus.Select((vcpu, index) => StartAsync(vcpu, message, index)));
    }

    /// <summary>Calls of one actor to another may overtake each other, so a vCPU can be asked for a report or a flush before it is started.</summary>
    private static async Task StartAsync(IVcpuGrain vcpu, VmMessage message, int index)
    {
        for (var attempt = 0; !await vcpu.StartAsync(message, index); attempt++)
            if (attempt == StartAttempts)
                throw new InvalidOperationException($"vCPU {index} of {message.Options.Name} could not be started: its activation kept going away");
    }

    private static AddressSpaceSpec AddressSpaceOf(VmMessage message)
    {
        var vmas = new List<VmaSpec>
        {
            new(new HvaRange(VmLayout.RamHva, message.RamPages), VmaKind.Ram, message.Mergeable),
            new(new HvaRange(VmLayout.ScratchHva, message.ScratchPages), VmaKind.Scratch),
        };
        if (message.HotplugPages > 0) vmas.Add(new VmaSpec(new HvaRange(VmLayout.HotplugHva, message.HotplugPages), VmaKind.Hotplug, message.Mergeable));
        return new AddressSpaceSpec(message.AddressSpaceId, vmas);
    }

    private async ValueTask<long> RunDirtyLogAsync(Operation op, DirtyLogStep step)
    {
        var session = _session!;
        switch (step)
        {
            case DirtyLogStep.Enable:
                return await session.EnableAsync(op, [.. Enumerable.Range(0, _message!.Memslots)]) ? _message.RamPages : -1;
            case DirtyLogStep.Round:
                return await session.RoundAsync(op);
            case DirtyLogStep.Verify:
                return await session.VerifyAsync(op);
            default:
                await session.DisableAsync(op);
                return 0;
        }
    }

    /// <summary>Process and VM go, in the asked order. Commands under way hold a reference to the VM, so they end first.</summary>
    private async ValueTask<ActorReport[]> TearDownAsync(Vm vm, Operation op, DestroyMessage how)
    {
        _isClosing = true;
        if (_commandsRunning > 0) await _drained.Task;
        await Task.WhenAll(_vcpus.Select(vcpu => vcpu.StopAsync(OperationMessage.From(op)).AsTask()));
        var exit = new Operation(_ids!.Next(), OperationKind.AddressSpaceExit);
        switch (how.Order)
        {
            case DestroyOrder.VmFirst:
                await vm.Teardown.DestroyAsync(op, how.SharesAddressSpace);
                await ExitAsync(exit);
                break;
            case DestroyOrder.AddressSpaceFirst:
                await ExitAsync(exit);
                await vm.Teardown.DestroyAsync(op, sharesAddressSpace: false);
                break;
            default:
                await Task.WhenAll(ExitAsync(exit), vm.Teardown.DestroyAsync(op, sharesAddressSpace: false).AsTask());
                break;
        }

        var vcpus = await Task.WhenAll(_vcpus.Select(vcpu => vcpu.CloseAsync().AsTask()));
        _vcpus.Clear();
        return vcpus;
    }

    private async Task ExitAsync(Operation op)
    {
        _journal!.Began(op.Id);
        await _host!.ExitAddressSpaceAsync(OperationMessage.From(op), _message!.AddressSpaceId);
        _journal.Ended(op.Id);
    }

    private async ValueTask<T> CommandAsync<T>(
        OperationMessage op, T refused, Func<Vm, Operation, ValueTask<T>> command, Func<T, (string Type, string? Value)> outcome)
    {
        if (_vm is not { } vm || _journal is not { } journal) return Vacant(refused);
        return (T)(await _commands.GetOrStart(new OperationId(op.OperationId), async () =>
        {
            if (_isClosing) return refused;
            var operation = op.ToOperation();
            _commandsRunning++;
            try
            {
                return await journal.RunAsync(operation, () => command(vm, operation), outcome);
            }
            finally
            {
                if (--_commandsRunning == 0 && _isClosing) _drained.TrySetResult();
            }
        }))!;
    }

    private ActorReport Report() => _journal!.Report(CounterReport.Of("vm", _vm!.Counters), [_vm.Locks], _vm.Locks.Waits(), []);

    private static ulong SoftwareToken(Vm vm, Operation op) => ((ulong)vm.Options.Ordinal << 48) | (0xffUL << 40) | ((ulong)op.Id.Count & ((1UL << 40) - 1));

    /// <summary>The host notifies nobody who has unregistered; if it did, that would be a use after free and no late call to be forgiven.</summary>
    private Vm Notified() => _vm ?? throw Vacant(new InvalidOperationException($"{this.GetPrimaryKeyString()} was notified and is not there"));

    /// <summary>The answer to a call that found no VM.</summary>
    private T Vacant<T>(T answer)
    {
        Vacancy.Noticed();
        return answer;
    }
}
