using Livebed.Driver.Errors;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Livebed.Driver.CampaignKeys;

/// <summary>The keys of one section of the campaign file, for a settings record that starts with its defaults.</summary>
internal sealed class Section<T>(Func<T> create, params IReadOnlyList<Key<T>> keys)
{
    public T Create() => create();

    /// <summary>Reads every entry into the target; the first that is wrong is thrown as a <see cref="UsageException"/>.</summary>
    public void Read(T target, Setting setting, string path)
    {
        if (setting is not SectionSetting section)
            throw setting.Origin.Problem(path, $"is {setting.What}, not a section", $"a section with {Names(target)}");
        var prefix = path.Length == 0 ? "" : path + ".";
        foreach (var entry in section.Entries)
        {
            var key = keys.FirstOrDefault(key => key.Name == entry.Key)
                ?? throw entry.Origin.Problem(prefix + entry.Key, "unknown key", Names(target));
            key.Read(target, entry, prefix + entry.Key);
        }

        // Only now is it known what the target is.
        foreach (var entry in section.Entries)
        {
            if (keys.First(key => key.Name == entry.Key).Condition is { } condition && !condition.Holds(target))
                throw entry.Origin.Problem(prefix + entry.Key, condition.Else, Names(target));
        }
    }

    public void Write(T source, IEmitter emitter)
    {
        emitter.Emit(new MappingStart());
        foreach (var key in keys.Where(key => key.IsWritten(source)))
        {
            emitter.Emit(new Scalar(key.Name));
            key.Write(source, emitter);
        }

        emitter.Emit(new MappingEnd());
    }

    public IEnumerable<KeyDocumentation> Document(string prefix)
    {
        var defaults = Create();
        return keys.SelectMany(key => key.Document(prefix, defaults));
    }

    private string Names(T target) => string.Join(", ", keys.Where(key => key.Condition?.Holds(target) ?? true).Select(key => key.Name));
}
