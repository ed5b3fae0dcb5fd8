namespace Livebed.Grains.Actors;

/// <summary>
/// The state of an activation whose actor is not there. A call that came too late, or overtook the actor's beginning, has made it. It stays
/// for a moment, in which the actor can still begin in it, and then leaves. Leaving at once would refuse the actor for as long as early
/// calls keep coming.
/// </summary>
internal sealed class EmptyActivation(IGrainBase grain)
{
    private static readonly TimeSpan Stay = TimeSpan.FromMilliseconds(200);

    private IGrainTimer? _leaving;
    private bool _isFilled;
    private bool _isLeaving;

    /// <summary>A call found nobody.</summary>
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
