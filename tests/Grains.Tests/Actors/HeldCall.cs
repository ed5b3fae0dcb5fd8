namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// Calls of one method of one grain that a test holds: they have been made and wait before they run, or before they are answered, so that
/// the test can act at exactly this moment. The caller waits as well.
/// </summary>
internal sealed class HeldCall : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Func<IIncomingGrainCallContext, bool> _isMeant;
    private readonly Action<HeldCall> _forget;
    private readonly string _what;
    private readonly HeldPoint _point;
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<bool> _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public HeldCall(string what, HeldPoint point, Func<IIncomingGrainCallContext, bool> isMeant, Action<HeldCall> forget) =>
        (_what, _point, _isMeant, _forget) = (what, point, isMeant, forget);

    public bool Means(IIncomingGrainCallContext context) => _isMeant(context);

    /// <summary>Returns when the first of them has been made.</summary>
    public async Task ReachedAsync()
    {
        await Task.WhenAny(_reached.Task, Task.Delay(Patience));
        Assert.True(_reached.Task.IsCompleted, $"{_what} was not called within {Patience.TotalSeconds:0} s");
    }

    /// <summary>They are carried out, and so is what comes after them.</summary>
    public void Release() => End(isCarriedOut: true);

    /// <summary>They never arrive (or their answers do not), and their callers hear nothing; what comes after them is carried
    /// out.</summary>
    public void Lose() => End(isCarriedOut: false);

    public async Task PassAsync(IIncomingGrainCallContext context)
    {
        if (_point == HeldPoint.Answer) await context.Invoke();
        _reached.TrySetResult();
        if (!await _released.Task) throw new TimeoutException($"{_what} was lost");
        if (_point == HeldPoint.Call) await context.Invoke();
    }

    public void Dispose() => Release();

    private void End(bool isCarriedOut)
    {
        _forget(this);
        _released.TrySetResult(isCarriedOut);
    }
}
