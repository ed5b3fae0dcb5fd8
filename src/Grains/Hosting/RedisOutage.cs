using StackExchange.Redis;

namespace Livebed.Grains.Hosting;

/// <summary>A Redis that answers no client for a while. It begins to answer again by itself, also when the driver is gone.</summary>
public sealed class RedisOutage : IAsyncDisposable
{
    private readonly ConnectionMultiplexer _connection;
    private readonly TimeSpan _length;
    private readonly long _began = TimeProvider.System.GetTimestamp();

    private RedisOutage(ConnectionMultiplexer connection, TimeSpan length) => (_connection, _length) = (connection, length);

    /// <exception cref="RedisException">Redis does not answer, or has no such command.</exception>
    public static async Task<RedisOutage> BeginAsync(string redis, TimeSpan length)
    {
        var connection = await RedisMembership.ConnectAsync(redis, mustAnswer: true);
        await connection.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", (long)length.TotalMilliseconds, "ALL");
        return new RedisOutage(connection, length);
    }

    /// <summary>Whether it answers within the patience.</summary>
    public async Task<bool> AnswersAsync(TimeSpan patience)
    {
        try
        {
            await _connection.GetDatabase().PingAsync().WaitAsync(patience);
            return true;
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Returns when the time is over: a client that is paused cannot end the pause.</summary>
    public async Task EndAsync()
    {
        var left = _length - TimeProvider.System.GetElapsedTime(_began);
        if (left > TimeSpan.Zero) await Task.Delay(left);
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();
}
