using System.Collections.Concurrent;

namespace Livebed.Grains.Tests.Actors;

/// <summary>Where calls wait that a test holds, see <see cref="HeldCall"/>. A call is held by one of those that mean it.</summary>
internal sealed class HeldCalls : IIncomingGrainCallFilter
{
    private readonly ConcurrentDictionary<HeldCall, (string Key, string Method)> _held = new();

    /// <summary>Calls of the method that are made from now on wait until the hold is over; of those, if <paramref name="isMeant"/> is
    /// given, the ones that it says.</summary>
    public HeldCall Hold(string grainKey, string method, Func<IIncomingGrainCallContext, bool>? isMeant = null) =>
        Hold(grainKey, method, HeldPoint.Call, isMeant);

    /// <summary>As <see cref="Hold(string, string, Func{IIncomingGrainCallContext, bool}?)"/>, but the calls are carried out and their
    /// answers wait.</summary>
    public HeldCall HoldAnswer(string grainKey, string method, Func<IIncomingGrainCallContext, bool>? isMeant = null) =>
        Hold(grainKey, method, HeldPoint.Answer, isMeant);

    public Task Invoke(IIncomingGrainCallContext context)
    {
        if (_held.IsEmpty) return context.Invoke();
        var call = (context.TargetId.Key.ToString()!, context.MethodName);
        foreach (var (held, what) in _held)
            if (what == call && held.Means(context))
                return held.PassAsync(context);
        return context.Invoke();
    }

    private HeldCall Hold(string grainKey, string method, HeldPoint point, Func<IIncomingGrainCallContext, bool>? isMeant)
    {
        var held = new HeldCall($"{method} of {grainKey}", point, isMeant ?? (_ => true), ended => _held.TryRemove(ended, out _));
        _held[held] = (grainKey, method);
        return held;
    }
}
