--- AOS plans in Neovim: the language server, for Neovim 0.7 and later.
local M = {}

local function root(file)
  local found = vim.fs and vim.fs.find("aos.toml", { path = vim.fs.dirname(file), upward = true })[1]
  return found and vim.fs.dirname(found) or vim.fn.fnamemodify(file, ":p:h")
end

--- Starts the language server for plan files.
--- @param options table|nil `cmd`: how the server is started (default `{ "aos", "lsp" }`); `on_attach`, `capabilities`: as for other servers.
function M.setup(options)
  options = options or {}
  local clients = {}
  vim.api.nvim_create_autocmd("FileType", {
    pattern = "plan",
    callback = function(event)
      local folder = root(vim.api.nvim_buf_get_name(event.buf))
      clients[folder] = clients[folder]
        or vim.lsp.start_client({
          name = "aos",
          cmd = options.cmd or { "aos", "lsp" },
          root_dir = folder,
          capabilities = options.capabilities,
          on_attach = options.on_attach,
          on_exit = function()
            clients[folder] = nil
          end,
        })
      if clients[folder] then
        vim.lsp.buf_attach_client(event.buf, clients[folder])
      end
    end,
  })
end

return M
