using Livebed.Kvm.World;

namespace Livebed.Kvm.Prediction;

/// <summary>The writes of a guest, one after the other, on the guest's own clock; without an end. Confined to one thread.</summary>
public interface IWriteStream
{
    /// <summary>Recorded time of the next write; infinite when nothing is ever written.</summary>
    double DueMicroseconds { get; }

    /// <summary>What it writes to.</summary>
    long Page { get; }

    void Advance();
}

/// <summary>Writes at a constant rate: to the whole memory in turn, or, with a hot set, anywhere in it, so that t seconds write
/// <see cref="WorkingSet.Written"/> distinct pages on average.</summary>
/// <param name="writes">rate and hot set</param>
/// <param name="pages">of the memory</param>
/// <param name="budget">told of every write</param>
internal sealed class SteadyWrites(WorkingSet writes, long pages, ForecastBudget budget) : IWriteStream
{
    private readonly double _step = writes.PagesPerSecond > 0 ? 1e6 / writes.PagesPerSecond : double.PositiveInfinity;
    private readonly SeededRandom _random = new(1);
    private long _written;

    public double DueMicroseconds => (_written + 1) * _step;

    public long Page { get; private set; }

    public void Advance()
    {
        budget.Spend(1);
        _written++;
        Page = writes.HotPages < pages ? _random.Next((long)writes.HotPages) : _written % pages;
    }
}
