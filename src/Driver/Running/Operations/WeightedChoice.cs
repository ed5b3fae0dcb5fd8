using Livebed.Kvm.World;

namespace Livebed.Driver.Running.Operations;

/// <summary>Draws a value with the probability of its weight.</summary>
internal sealed class WeightedChoice<T>
{
    private readonly (T Value, double UpTo)[] _steps;
    private readonly double _total;

    public WeightedChoice(IEnumerable<(T Value, double Weight)> weights)
    {
        var total = 0.0;
        _steps = [.. weights.Where(entry => entry.Weight > 0).Select(entry => (entry.Value, total += entry.Weight))];
        _total = total;
    }

    public T Draw(SeededRandom random)
    {
        var point = random.NextDouble() * _total;
        foreach (var (value, upTo) in _steps)
            if (point < upTo)
                return value;
        return _steps[^1].Value;
    }
}
