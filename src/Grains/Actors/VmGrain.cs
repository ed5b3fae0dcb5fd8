using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;
using Orleans.Concurrency;

namespace Livebed.Grains.Actors;

/// <summary>
/// Adapter of a <see cref="VmProcess"/>: it forwards, remembers commands by operation id so that a repeat is harmless, and writes them into
/// its journal. What becomes of the VM is decided there. Reentrant: what excludes operations from each other are the model's locks, never
/// the grain's turn. What the driver asks is here, what other grains ask in the other parts.
/// </summary>
[Reentrant]
[LivebedPlacement]
[KeepAlive]
internal sealed partial class VmGrain(ActorSilo silo) : Grain, IVmGrain
{
    private const int CommandsRemembered = 1024;

    private readonly RememberedResults<object?> _commands = new(CommandsRemembered);
    private readonly MigrationCounters _migrations = new();
    private VmActor? _actor;
    private EmptyActivation? _emptyActivation;

    private EmptyActivation EmptyActivation => _emptyActivation ??= new EmptyActivation(this);

    /// <summary>The VM, from the moment when it is made.</summary>
    private Vm? TheVm => _actor?.Process.Vm;

    public async ValueTask<bool> CreateAsync(OperationMessage op, VmMessage vm)
    {
        if (!EmptyActivation.TryFill()) return false;
        await _commands.GetOrStart(new OperationId(op.OperationId), async () =>
        {
            var (operation, actor) = (op.ToOperation(), Begin(vm));
            return await actor.Journal.RunAsync(operation, async () =>
            {
                await actor.Process.CreateAsync(operation);
                return true;
            }, _ => ("ok", null));
        });
        return true;
    }

    public ValueTask<bool> ContAsync(OperationMessage op) =>
        _actor is { } actor ? actor.Process.ContAsync(op.ToOperation()) : ValueTask.FromResult(WithoutVm(false));

    public ValueTask<MemslotResult> SetMemslotAsync(OperationMessage op, MemslotChange change) => CommandAsync(
        op, MemslotResult.Dead, (_, operation) => _actor!.Process.SetMemslotAsync(operation, change),
        result => (result == MemslotResult.Ok ? "ok" : "fail", $"slot {change.Id} pages {change.Pages} at {change.BaseGfn}: {result}"));

    public ValueTask<long> DirtyLogAsync(OperationMessage op, DirtyLogStep step) => CommandAsync(
        op, -1L, (_, operation) => _actor!.Process.RunDirtyLogAsync(operation, step),
        pages => (pages >= 0 ? "ok" : "fail", $"{step}: {pages} pages"));

    public ValueTask<bool> SoftwareWriteAsync(OperationMessage op, Gfn gfn) => CommandAsync(
        op, false, (vm, operation) => vm.SoftwareWriter.WriteAsync(operation, 0, gfn, SoftwareToken(vm, operation)),
        done => (done ? "ok" : "fail", $"gfn 0x{gfn.Value:x}"));

    public ValueTask<int> DeviceWriteAsync(OperationMessage op, Gfn first, int pages) => CommandAsync(
        op, 0, (vm, operation) => _actor!.Process.Devices!.WriteAsync(operation, first, DeviceTokens(vm, operation, pages)),
        written => (written > 0 ? "ok" : "fail", $"{written} pages from gfn 0x{first.Value:x}"));

    public ValueTask<int> AuditAsync(OperationMessage op) => CommandAsync(
        op, 0, (vm, operation) => vm.Auditor.AuditAsync(operation), sptes => ("ok", $"{sptes} SPTEs"));

    public async ValueTask<IReadOnlyList<ActorReport>> DestroyAsync(OperationMessage op, TeardownOrder order)
    {
        if (_actor is not { } actor) return WithoutVm<IReadOnlyList<ActorReport>>([]);
        return (IReadOnlyList<ActorReport>)(await _commands.GetOrStart(new OperationId(op.OperationId), async () =>
        {
            var operation = op.ToOperation();
            var isGone = await actor.Journal.RunAsync(
                operation, () => actor.Process.DestroyAsync(operation, order), done => ("ok", done ? $"{order}" : "gone already"));
            return isGone ? Close(actor) : [];
        }))!;
    }

    public async ValueTask<MigrationOutcome> MigrateAsync(OperationMessage op, MigrationRequest request)
    {
        if (_actor is not { } actor) return WithoutVm(Refused("there is no such VM"));
        return (MigrationOutcome)(await _commands.GetOrStart(new OperationId(op.OperationId), async () =>
        {
            if (actor.Process.MigrationRefusal() is { } refusal) return Refused(refusal);
            var operation = op.ToOperation();
            var info = await actor.Journal.RunAsync(
                operation, () => actor.Process.MigrateAsync(operation, actor.DestinationOf(request), request.Setup, request.Parameters),
                ended => (
                    ended.Status == MigrationStatus.Completed ? "ok" : "fail",
                    $"{request.Setup.Vm} to {request.Setup.Destination}: {ended.Status} {ended.Reason}"));
            _migrations.Add(info);
            return new MigrationOutcome(info, info.IsHandedOver ? Close(actor) : []);
        }))!;
    }

    public ValueTask<MigrationInfo?> MigrationInfoAsync() =>
        ValueTask.FromResult(_actor is null ? WithoutVm<MigrationInfo?>(null) : _actor.Process.Info);

    public ValueTask<CancelCase> CancelMigrationAsync(OperationMessage op) =>
        ValueTask.FromResult(_actor?.Process.Cancel() ?? WithoutVm(CancelCase.NothingToDo));

    public ValueTask<bool> StartPostcopyAsync(OperationMessage op) =>
        ValueTask.FromResult(_actor?.Process.StartPostcopy() ?? WithoutVm(false));

    public ValueTask<bool> RecoverMigrationAsync(OperationMessage op) =>
        ValueTask.FromResult(_actor?.Process.Recover() ?? WithoutVm(false));

    public async ValueTask<IReadOnlyList<ActorReport>> InspectAsync(bool settled, long measuredFrom)
    {
        if (_actor is not { } actor) return WithoutVm<IReadOnlyList<ActorReport>>([]);
        if (settled) await actor.Process.SettleAsync(new Operation(actor.Ids.Next(), OperationKind.Audit));
        var vcpus = await Task.WhenAll(actor.Vcpus.Grains.Select(vcpu => vcpu.InspectAsync(measuredFrom).AsTask()));
        return [actor.Report(_migrations, measuredFrom), .. vcpus];
    }

    private async ValueTask<T> CommandAsync<T>(
        OperationMessage op, T refused, Func<Vm, Operation, ValueTask<T>> command, Func<T, (string Type, string? Value)> outcome)
    {
        if (_actor is not { Process.Vm: not null } actor) return WithoutVm(refused);
        return (T)(await _commands.GetOrStart(new OperationId(op.OperationId), async () =>
        {
            var operation = op.ToOperation();
            return await actor.Process.CommandAsync(
                refused, async vm => await actor.Journal.RunAsync(operation, () => command(vm, operation), outcome));
        }))!;
    }

    /// <summary>Its silo stops.</summary>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _actor?.Journal.Leave();
        return Task.CompletedTask;
    }

    private VmActor Begin(VmMessage vm, string? sourceKey = null)
    {
        var actor = _actor = new VmActor(
            GrainFactory, new ActorJournal(silo, this.GetPrimaryKeyString()), this.GetPrimaryKeyString(), vm, sourceKey, LeaveAsync);
        actor.Journal.Join(measuredFrom => actor.Report(_migrations, measuredFrom));
        return actor;
    }

    /// <summary>The last report, with the end of the very operation that closes in its history; then the activation goes.</summary>
    private ActorReport[] Close(VmActor actor)
    {
        DeactivateOnIdle();
        var last = actor.Report(_migrations);
        actor.Journal.Leave();
        return [last, .. actor.Vcpus.LastReports];
    }

    private static MigrationOutcome Refused(string reason) =>
        new(new MigrationInfo { Status = MigrationStatus.Failed, Reason = reason }, []);

    private static ulong SoftwareToken(Vm vm, Operation op) =>
        PageContent.Token(vm.Options.Ordinal, OperationId.OfProcess, op.Id.Count);

    /// <summary>A value for each page; <see cref="OperationId.OfMigration"/>, in the place of a vCPU, tells them from KVM's own
    /// writes.</summary>
    private static ulong[] DeviceTokens(Vm vm, Operation op, int pages)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)pages, (uint)Devices.PagesMax, nameof(pages));
        return [.. Enumerable.Range(0, pages).Select(
            page => PageContent.Token(vm.Options.Ordinal, OperationId.OfMigration, op.Id.Count * Devices.PagesMax + page))];
    }

    /// <summary>The answer to a call that found no VM.</summary>
    private T WithoutVm<T>(T answer)
    {
        EmptyActivation.Noticed();
        return answer;
    }
}
