namespace Livebed.Grains.Tests.Actors;

/// <summary>Waiting for what has to come about, without saying when: observes until it holds, and fails with the last
/// observation.</summary>
internal static class Until
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    public static async Task<T> HoldsAsync<T>(Func<Task<T>> observe, Func<T, bool> holds, string what)
    {
        var deadline = DateTimeOffset.UtcNow + Patience;
        while (true)
        {
            var seen = await observe();
            if (holds(seen)) return seen;
            Assert.True(
                DateTimeOffset.UtcNow < deadline, $"{what} did not come about within {Patience.TotalSeconds:0} s; last seen: {seen}");
            await Task.Delay(Interval);
        }
    }
}
