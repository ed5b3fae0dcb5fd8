using Livebed.Grains.Hosting;

namespace Livebed.Driver.Running.Nemesis;

/// <summary>
/// The Redis with the membership table answers nothing, as when it is gone (CLIENT PAUSE, which ends by itself). A cluster goes on as it
/// is: no silo joins, and none is declared dead.
/// </summary>
internal sealed class RedisFault(string redis, TimeSpan length) : INemesisFault
{
    private static readonly TimeSpan NoAnswer = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(5);
    private RedisOutage? _outage;

    public string Target => $"Redis at {RedisMembership.Address(redis)}";

    public async Task BeginAsync(CancellationToken over) => _outage = await RedisOutage.BeginAsync(redis, length);

    public async Task<string?> FindNoEffectAsync() =>
        await _outage!.AnswersAsync(NoAnswer) ? $"{Target} still answers" : null;

    public async Task EndAsync(bool isHurried)
    {
        if (_outage is not null) await _outage.EndAsync();
    }

    public async Task<string?> FindNotHealedAsync()
    {
        var answers = await _outage!.AnswersAsync(AnswerMax);
        await _outage.DisposeAsync();
        return answers ? null : $"{Target} does not answer";
    }
}
