namespace Livebed.Grains.Actors;

/// <summary>
/// The state of an activation without an actor. A call that came too late, or before the actor was made, has created it. It stays for a
/// moment, in which the actor can still be made in it, and then deactivates. If it left at once, early calls would keep the actor from
/// being made.
/// </summary>
internal sealed class EmptyActivation(IGrainBase grain)
{
    private static readonly TimeSpan Stay = TimeSpan.FromMilliseconds(200);

    private IGrainTimer? _leaving;
    private bool _isFilled;
    private bool _isLeaving;

    /// <summary>A call found no actor.</summary>
    public void Noticed()
    {
        if (_isFilled || _leaving is not null) return;
        _leaving = grain.RegisterGrainTimer(Leave, new GrainTimerCreationOptions(Stay, Timeout.InfiniteTimeSpan));
    }

    /// <summary>The actor begins here; false when the activation is on its way out, and the next one has to be asked.</summary>
    public bool TryFill()
    {
        if (_isLeaving) return false;
        _isFilled = true;
        _leaving?.Dispose();
        return true;
    }

    private Task Leave(CancellationToken cancellation)
    {
        if (_isFilled) return Task.CompletedTask;
        _isLeaving = true;
        grain.DeactivateOnIdle();
        return Task.CompletedTask;
    }
}
