using System.Threading.Tasks.Sources;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>
/// One operation in a queue. Completing it posts the continuation to the scheduler that awaited it (the grain's, or the explorer's), so
/// the waker never runs the woken: the same as a wake-up in the kernel.
/// </summary>
[Untracked("an object of one operation; its completion is ordered before that operation's next step")]
internal sealed class Waiter(IWorld world) : IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };

    public required long WaitId { get; init; }
    public required Operation Operation { get; init; }
    public required LockMode Mode { get; init; }
    public required long SinceMicroseconds { get; init; }
    public OperationId FirstBlocker { get; init; }
    public OperationKind FirstBlockerKind { get; init; } = OperationKind.None;
    public LockMode FirstBlockerMode { get; init; }

    /// <summary>Since when the first blocker held the lock; 0 where it only stood before in the queue.</summary>
    public long FirstBlockerSince { get; init; }

    /// <summary>When the first blocker gave the lock back; 0 as long as it has not. It need not be the last that this one waits
    /// for.</summary>
    public long FirstBlockerUntil { get; set; }

    /// <summary>How many stood before it in the queue.</summary>
    public int Ahead { get; init; }
    public long GrantedMicroseconds { get; private set; }

    public ValueTask Task => new(this, _core.Version);

    public void Complete(long nowMicroseconds)
    {
        GrantedMicroseconds = nowMicroseconds;
        _core.SetResult(true);
    }

    public void GetResult(short token) => _core.GetResult(token);
    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        if (world.WaitingContext is not { } context)
        {
            _core.OnCompleted(continuation, state, token, flags);
            return;
        }

        var outer = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(context);
        _core.OnCompleted(continuation, state, token, flags);
        SynchronizationContext.SetSynchronizationContext(outer);
    }
}
