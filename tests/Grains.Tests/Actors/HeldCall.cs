namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// Calls of one method of one grain that a test has got hold of: they have been made and wait before they are carried out, or have been and their answers wait, so that the test can do
/// what it wants at exactly this moment. Whoever made one waits with it.
/// </summary>
internal sealed class HeldCall : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Func<IIncomingGrainCallContext, bool> _isMeant;
    private readonly bool _isAnswerHeld;
    private readonly Action _forget;
    private readonly string _what;
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<bool> _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public HeldCall(string what, Func<IIncomingGrainCallContext, bool> isMeant, bool isAnswerHeld, Action forget) =>
        (_what, _isMeant, _isAnswerHeld, _forget) = (what, isMeant, isAnswerHeld, forget);

    /// <summary>Returns when the first of them has been made.</summary>
    public async Task ReachedAsync()
    {
        await Task.WhenAny(_reached.Task, Task.Delay(Patience));
        Assert.True(_reached.Task.IsCompleted, $"{_what} was not called within {Patience.TotalSeconds:0} s");
    }

    /// <summary>They are carried out, and so is what comes after them.</summary>
    public void Release() => End(isCarriedOut: true);

    /// <summary>They never arrive, and their callers hear nothing; what comes after them is carried out.</summary>
    public void Lose() => End(isCarriedOut: false);

    public async Task PassAsync(IIncomingGrainCallContext context)
    {
        if (_isAnswerHeld) await context.Invoke();
        if (_isMeant(context))
        {
            _reached.TrySetResult();
            if (!await _released.Task) throw new TimeoutException($"{_what} was lost");
        }

        if (!_isAnswerHeld) await context.Invoke();
    }

    public void Dispose() => Release();

    private void End(bool isCarriedOut)
    {
        _forget();
        _released.TrySetResult(isCarriedOut);
    }
}
