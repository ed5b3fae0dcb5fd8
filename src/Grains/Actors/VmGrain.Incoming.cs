using Livebed.Grains.Contracts;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Paging;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors;

/// <summary>What the two sides of a migration ask of each other, and hosts and vCPUs of their VM, forwarded to the process.</summary>
internal sealed partial class VmGrain
{
    public ValueTask<StreamStatus> RequestPageAsync(OperationMessage op, Hva hva) =>
        _actor is null
            ? WithoutVm(ValueTask.FromResult(StreamStatus.Lost))
            : _actor.Journal.DuringAsync(_actor.Process.RequestPageAsync(op.ToOperation(), hva));

    public ValueTask<bool> MigratesAsync(long stream) => ValueTask.FromResult(_actor?.Process.Migrates(stream) ?? WithoutVm(false));

    public async ValueTask<StreamStatus?> PrepareIncomingAsync(
        OperationMessage op, MigrationSetup setup, VmMessage target, string sourceKey)
    {
        if (!EmptyActivation.TryFill()) return null;
        var actor = _actor ?? Begin(target, sourceKey);
        return await actor.Journal.DuringAsync(actor.Process.PrepareIncomingAsync(op.ToOperation(), setup));
    }

    public ValueTask<StreamStatus> CompareIncomingAsync(OperationMessage op, MemoryImageMessage image) =>
        IncomingAsync(op, StreamStatus.Refused, (side, operation) => side.CompareAsync(operation, image.ToImage()));

    public ValueTask<StreamStatus> TakeOverAsync(OperationMessage op, DeviceStateMessage state) =>
        IncomingAsync(op, StreamStatus.Refused, (side, operation) => side.TakeOverAsync(operation, state.ToState()));

    public ValueTask<FinishResult> FinishIncomingAsync(OperationMessage op) =>
        IncomingAsync(op, FinishResult.Refused, (side, operation) => side.FinishAsync(operation));

    public ValueTask<PageSet[]?> RecoverIncomingAsync(OperationMessage op) => IncomingAsync(op, null, async (side, operation) =>
        (await side.RecoverAsync(operation))?.ToArray());

    public ValueTask<StreamStatus> ResumeIncomingAsync(OperationMessage op) =>
        IncomingAsync(op, StreamStatus.Refused, (side, operation) => side.ResumeAsync(operation));

    public ValueTask<StreamStatus> AbandonIncomingAsync(OperationMessage op) =>
        IncomingAsync(op, StreamStatus.Ok, (side, operation) => side.AbandonAsync(operation));

    public async ValueTask PageMissingAsync(OperationMessage op, Hva hva)
    {
        if (_actor is { Process.Incoming: { } incoming } actor)
            await actor.Journal.DuringAsync(incoming.Migration.PageMissingAsync(op.ToOperation(), hva));
        else EmptyActivation.Noticed();
    }

    public async ValueTask<FaultMessage> FaultAsync(OperationMessage op, int vcpu, Gfn gfn, bool write)
    {
        if (TheVm is not { } vm) return WithoutVm(FaultMessage.From(new FaultReply(FaultStatus.Dead)));
        var journal = _actor!.Journal;
        journal.Begins();
        try
        {
            if (!TelemetryObserver.IsListenedTo) return FaultMessage.From(await vm.Faults.HandleAsync(op.ToOperation(), vcpu, gfn, write));
            var since = journal.Observer.NowMicroseconds;
            var reply = await vm.Faults.HandleAsync(op.ToOperation(), vcpu, gfn, write);
            journal.Observer.FaultServed(new OperationId(op.OperationId), since);
            return FaultMessage.From(reply);
        }
        finally
        {
            journal.Ends();
        }
    }

    public async ValueTask<FaultExplanation> ExplainFaultAsync(long fault)
    {
        if (_actor is not { } actor) return WithoutVm(FaultExplanation.None);
        var here = actor.Journal.Observer.Explain(new OperationId(fault));
        return here.With(await actor.ExplainAtHostAsync(fault));
    }

    public ValueTask ReapDirtyRingsAsync(OperationMessage op) =>
        TheVm is null
            ? WithoutVm(ValueTask.CompletedTask)
            : _actor!.Journal.DuringAsync(_actor.Process.ReapDirtyRingsAsync(op.ToOperation()));

    /// <summary>What the source asks of the destination; <paramref name="absent"/> where there is none.</summary>
    private async ValueTask<T> IncomingAsync<T>(OperationMessage op, T absent, Func<IncomingSide, Operation, ValueTask<T>> call)
    {
        if (_actor is not { Process.Incoming: { } incoming } actor) return WithoutVm(absent);
        var operation = op.ToOperation();
        using var scope = actor.Journal.Observer.Enter(operation);
        return await actor.Journal.DuringAsync(call(incoming, operation));
    }

    /// <summary>No command takes the last reports, so the host keeps them.</summary>
    private ValueTask LeaveAsync() => _actor!.LeaveReportsAsync(Close(_actor));
}
