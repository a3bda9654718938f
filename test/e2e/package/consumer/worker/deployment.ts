export { default, Mailbox, Monitor, Sender } from "restante/worker";
