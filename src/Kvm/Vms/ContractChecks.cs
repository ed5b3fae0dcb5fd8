using Livebed.Kvm.Checks;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Vms;

/// <summary>
/// What a VM may expect of its protocol (<see cref="IInvalidationProtocol"/>): a memslot update is published exactly once and before the
/// call returns, destroy resets once, and every call returns. A protocol that publishes nothing would otherwise break nothing: no guest
/// page is ever mapped. That starts and ends balance is S3 (<see cref="RangeChecks"/>).
/// </summary>
public sealed class ContractChecks
{
    private readonly Vm _vm;
    private readonly Action _publish;

    [Untracked("between call and return of one update, which holds slots_lock")]
    private Operation? _publisher;

    [Untracked("between call and return of one update, which holds slots_lock")]
    private int _published;

    [Untracked("looked at when nothing runs")]
    private int _starts;

    [Untracked("looked at when nothing runs")]
    private int _ends;

    [Untracked("one destroyer is let in")]
    private bool _isReset;

    internal ContractChecks(Vm vm)
    {
        _vm = vm;
        _publish = Publish;
    }

    public void StartCalled()
    {
        if (_publisher is not null) _vm.World.Reached(ReachedCase.StartWhilePublishing);
        _starts++;
    }

    public void StartReturned() => _starts--;

    public void EndCalled() => _ends++;

    public void EndReturned() => _ends--;

    /// <summary>The protocol is about to be asked to publish; the caller holds slots_lock.</summary>
    /// <returns>what it has to call</returns>
    public Action PublishCalled(Operation op)
    {
        (_publisher, _published) = (op, 0);
        if (_vm.World.LooksForCases && _vm.Checks.Ranges.OpenRanges > 0) _vm.World.Reached(ReachedCase.PublishMetRange);
        return _publish;
    }

    public void PublishReturned(Operation op)
    {
        _vm.Counters.ChecksEvaluated++;
        _publisher = null;
        if (_published == 0)
            Violated($"{nameof(IInvalidationProtocol.PublishMemslotsAsync)} returns and has published nothing", op.Id);
    }

    /// <summary>Destroy is about to reset the protocol.</summary>
    public void ResetCalled(Operation op)
    {
        _vm.Counters.ChecksEvaluated++;
        if (_isReset) Violated($"{nameof(IInvalidationProtocol.ResetAtDestroy)} is called a second time", op.Id);
        _isReset = true;
    }

    /// <summary>Nothing runs any more: a call that is still under way never returns.</summary>
    public void Settled()
    {
        _vm.Counters.ChecksEvaluated++;
        if (Unreturned() is { } message) Violated(message, _publisher?.Id);
    }

    /// <summary>The calls that are under way, in words; null when there are none.</summary>
    public string? Unreturned()
    {
        if (_publisher is null && _starts == 0 && _ends == 0) return null;
        List<string> calls = [];
        if (_starts > 0) calls.Add(Calls(_starts, nameof(IInvalidationProtocol.RangeStartAsync)));
        if (_ends > 0) calls.Add(Calls(_ends, nameof(IInvalidationProtocol.RangeEndAsync)));
        if (_publisher is not null) calls.Add(Calls(1, nameof(IInvalidationProtocol.PublishMemslotsAsync)));
        return $"nothing can run any more, and the protocol has not returned from {string.Join(", ", calls)}";
    }

    private void Publish()
    {
        if (_publisher is not { } op)
        {
            Violated($"memslots are published after {nameof(IInvalidationProtocol.PublishMemslotsAsync)} has returned", null);
        }
        else if (++_published > 1)
        {
            Violated($"{nameof(IInvalidationProtocol.PublishMemslotsAsync)} publishes one update {_published} times", op.Id);
        }
        else
        {
            _vm.Memslots.Swap();
        }
    }

    private void Violated(string message, OperationId? operation) =>
        _vm.Violated(Invariants.Contract, message, operations: operation is { } id ? [id] : []);

    private static string Calls(int count, string name) => count == 1 ? name : $"{count} of {name}";
}
